"""Data in shards: tars of the WebDataset layout, on this machine or behind an address."""
