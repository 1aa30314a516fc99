"""fcnlab: Fully Convolutional Networks for semantic segmentation, as a research template."""
