"""The data sets: one LightningDataModule each, all with the same batch and the same facts."""

import warnings

# Where timm is installed, albumentations imports huggingface_hub, whose progress bars miss a widget in notebooks.
warnings.filterwarnings("ignore", message="IProgress not found")
