"""The nets: a trunk, score layers with skips, bilinear upsampling, and weights from elsewhere."""
