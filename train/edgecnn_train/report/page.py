"""One page about a bundle: self-contained, without scripts, and with nothing to fetch.

Everything that is filled into a template is escaped: see `edgecnn.io.markup`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2

from edgecnn.io.markup import Html, fill, joined, prose, table
from edgecnn_train.report import tables
from edgecnn_train.report.content import Block, ReportImage, ReportSection, sections
from edgecnn_train.report.tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.evaluation.verified import Verified
    from edgecnn_train.offenders import Offender
    from edgecnn_train.quantize.tensors import QuantizationReport
    from edgecnn_train.record import TrainedModel

# The policy lets a browser load nothing, should anything ever get past the escaping.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222 }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd }
div { overflow-x: auto }
.photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.2rem }
figure { margin: 0; overflow-wrap: anywhere }
figure img { width: 100%; height: 15rem; object-fit: contain; background: #f3f3f3 }
figcaption { font-size: 13px; color: #555 }
figcaption b { color: #222 }
summary { cursor: pointer; font-size: 1.5em; font-weight: bold; margin-top: 2.2rem }
.short { font-size: 17px; border-left: 4px solid #4c78a8; padding-left: 1rem }
.short p { border: 2px solid #c33; padding: .5rem 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .15rem .7rem; border-bottom: 1px solid #eee; text-align: right; vertical-align: top }
th { border-bottom-color: #999 }
.left { text-align: left; overflow-wrap: anywhere }
img { max-width: 100%; height: auto }
code { background: #f3f3f3; padding: 0 .25rem }
</style>
</head>
<body>
<h1>$title</h1>
<p><code>edgecnn classify IMAGE --model $name</code></p>
$sections
</body>
</html>
"""


def page(
    model: TrainedModel,
    result: Verified,
    images: Mapping[str, bytes],
    offenders: tuple[Offender, ...],
    quantization: QuantizationReport | None = None,
) -> str:
    """Return the page: all that the card has, with photos of the worst answers, layers and the recipe.

    Parameters
    ----------
    images
        The bundle's PNG files by name.
    quantization
        What the rounding costs by layer, where that was measured.
    """
    first, *others = sections(model, result)
    found = list(others)
    if quantization:
        text = (
            f"int8 against float32 on {quantization.pictures:,} images, the layer with the lowest SNR of "
            "its own first; SNR includes the errors of the layers before."
        )
        found.append(
            ReportSection(
                "Quantization, layer by layer", (text, tables.quantization(quantization)), folded=True
            )
        )
    found.append(ReportSection("Settings of the recipe", (tables.recipe(model),), folded=True))
    body = [
        fill('<div class="short">$blocks</div>', blocks=_blocks(first.blocks, images)),
        _worst(model, offenders),
        *(_section(section, images) for section in found),
    ]
    return fill(_PAGE, title=model.manifest.title, name=model.manifest.name, sections=joined(body))


def _section(section: ReportSection, images: Mapping[str, bytes]) -> Html:
    shape = "<h2>$title</h2>\n$blocks"
    if section.folded:
        shape = "<details>\n<summary>$title</summary>\n$blocks\n</details>"
    return fill(shape, title=section.title, blocks=_blocks(section.blocks, images))


def _worst(model: TrainedModel, offenders: tuple[Offender, ...]) -> Html:
    title = Html("<h2>Worst answers</h2>")
    if not offenders:
        return joined([title, Html("<p>int8 misclassifies no test image.</p>")])
    what = f"{len(offenders)} test images" if len(offenders) > 1 else "test image"
    text = (
        f"The {what} that int8 misclassifies with the highest scores. These are images of the dataset: share "
        f"this page only where you may share them. The bundle `{model.manifest.name}` has none of them in it."
    )
    photos = fill('<div class="photos">\n$all\n</div>', all=joined(_figure(o) for o in offenders))
    return joined([title, fill("<p>$text</p>", text=prose(text)), photos])


def _figure(offender: Offender) -> Html:
    jpeg = cv2.imencode(".jpg", offender.image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return fill(
        '<figure><img alt="$id" src="data:image/jpeg;base64,$data"><figcaption><b>$true</b>, classified as '
        "<b>$named</b> with $score<br>$id</figcaption></figure>",
        id=offender.id,
        data=base64.b64encode(jpeg).decode(),
        true=offender.true,
        named=offender.named,
        score=f"{offender.score:.0%}",
    )


def _blocks(blocks: tuple[Block, ...], images: Mapping[str, bytes]) -> Html:
    return joined(_block(block, images) for block in blocks)


def _block(block: Block, images: Mapping[str, bytes]) -> Html:
    match block:
        case Table():
            return table(block.head, block.rows, block.left)
        case ReportImage():
            data = base64.b64encode(images[block.file]).decode()
            return fill('<p><img alt="$alt" src="data:image/png;base64,$data"></p>', alt=block.alt, data=data)
        case tuple():
            items = joined(fill("<li>$text</li>", text=prose(line)) for line in block)
            return fill("<ul>\n$items\n</ul>", items=items)
        case _:
            return fill("<p>$text</p>", text=prose(block))
