"""From the bytes of an image to a model's input tensor, and text drawn on images."""
