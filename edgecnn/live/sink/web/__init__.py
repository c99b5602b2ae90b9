"""The live view as a web page: image, answer and figures in any browser of the network."""
