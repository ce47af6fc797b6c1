"""Files of this machine that commands send to a server: model files and images."""
