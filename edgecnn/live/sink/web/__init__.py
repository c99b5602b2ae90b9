"""The live view as a web page: picture, answer and figures in any browser of the network."""
