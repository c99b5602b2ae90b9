"""Sort images as they arrive: python folder_watch.py IN OUT [ROUNDS]. Each goes to OUT/<label>/."""

import shutil
import sys
import time
from itertools import count
from pathlib import Path

import edgecnn
from edgecnn.errors import ImageError
from edgecnn.image.names import is_image_name

inbox, outbox = map(Path, sys.argv[1:3])
rounds = range(int(sys.argv[3])) if len(sys.argv) > 3 else count()

with edgecnn.load("digits") as classifier:
    for _ in rounds:
        for path in sorted(filter(is_image_name, inbox.iterdir())):
            try:
                predictions = classifier.classify(path, top=1)
            except ImageError as error:  # perhaps still being written: the next round retries
                print(error, file=sys.stderr)
                continue
            label = predictions[0].label if classifier.knows(predictions) else "unknown"
            (outbox / label).mkdir(parents=True, exist_ok=True)
            shutil.move(path, outbox / label / f"{time.strftime('%Y%m%d-%H%M%S')}-{path.name}")
            print(f"{path.name}: {label} {predictions[0].score:.1%}")
        time.sleep(0.5)
