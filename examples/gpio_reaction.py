"""Light a lamp while the camera sees one class: python gpio_reaction.py LABEL [PIN] [SOURCE] [FRAMES].

On a Raspberry Pi: pip install gpiozero lgpio. Elsewhere GPIOZERO_PIN_FACTORY=mock simulates the pins.
"""

import sys

from gpiozero import LED

import edgecnn

label, pin, source, frames = sys.argv[1:] + ["", "17", "auto", "0"][len(sys.argv) - 1 :]


class Lamp(edgecnn.Sink):
    """Switches the lamp on while the smoothed answer is the label."""

    def show(self, result, stats):
        if lamp.is_lit != (result.shown == label):
            lamp.toggle()
            print("on" if lamp.is_lit else "off", flush=True)


with LED(int(pin)) as lamp, edgecnn.load("digits") as classifier, edgecnn.open_camera(source) as camera:
    edgecnn.run(classifier, camera, [Lamp()], frames=int(frames) or None, smooth=0.4, hold=4)
