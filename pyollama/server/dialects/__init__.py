"""One package per dialect: it decodes bodies to an ``Ask`` and encodes the answer. None imports another."""
