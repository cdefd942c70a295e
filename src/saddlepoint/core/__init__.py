"""What every other part stands on: contracts, registry, configuration, run folders, images."""
