"""Run by the Python of an environment that has MediaPipe: MODEL IMAGES.npy, a line of JSON an image."""

import json
import sys

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

model, images = sys.argv[1:]
options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model))
with ImageClassifier.create_from_options(options) as classifier:
    for pixels in np.load(images):
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        found = classifier.classify(image).classifications[0].categories
        sys.stdout.write(json.dumps([[category.category_name, category.score] for category in found]) + "\n")
