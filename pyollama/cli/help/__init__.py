"""What the program says about itself: help texts, the meaning of variables, the reference pages."""
