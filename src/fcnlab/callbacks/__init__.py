"""What accompanies a training and a test: Lightning callbacks."""
