"""The endpoints around the models, one module per group of them."""
