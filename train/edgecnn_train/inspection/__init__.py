"""What labelled images are like before training (`edgecnn data`), without TensorFlow and the extra."""
