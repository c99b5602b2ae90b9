"""What labelled pictures are like before training (`edgecnn data`), without TensorFlow and the extra."""
