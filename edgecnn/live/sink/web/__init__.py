"""The live view as a web page: image, answer and statistics in any browser of the network."""
