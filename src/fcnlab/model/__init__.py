"""The nets: a backbone, score layers with skips, bilinear upsampling, and weights from elsewhere."""
