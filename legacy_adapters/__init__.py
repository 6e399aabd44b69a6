"""Record sync between the legacy and the new store. The sync engine is not part of this release."""
