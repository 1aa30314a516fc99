"""The data sets: one LightningDataModule each, all with the same batch and the same facts."""
