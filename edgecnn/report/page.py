"""One page about a bundle: self-contained, without scripts, and with nothing to fetch.

Everything that is filled into a template is escaped: see `edgecnn.io.markup`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2

from edgecnn.io.markup import Html, fill, joined, prose, table
from edgecnn.report.blocks import Block, Gallery, ReportImage, ReportSection, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.report.blocks import Photo

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


def render_page(title: str, name: str, sections: Sequence[ReportSection], images: Mapping[str, bytes]) -> str:
    """Return a bundle's page.

    Parameters
    ----------
    title, name
        The bundle's.
    sections
        What it says; the first one stands out and has no heading.
    images
        The bundle's PNG files by name.
    """
    first, *others = sections
    body = [
        fill('<div class="short">$blocks</div>', blocks=_blocks(first.blocks, images)),
        *(_section(section, images) for section in others),
    ]
    return fill(_PAGE, title=title, name=name, sections=joined(body))


def _section(section: ReportSection, images: Mapping[str, bytes]) -> Html:
    shape = "<h2>$title</h2>\n$blocks"
    if section.folded:
        shape = "<details>\n<summary>$title</summary>\n$blocks\n</details>"
    return fill(shape, title=section.title, blocks=_blocks(section.blocks, images))


def _blocks(blocks: tuple[Block, ...], images: Mapping[str, bytes]) -> Html:
    return joined(_block(block, images) for block in blocks)


def _block(block: Block, images: Mapping[str, bytes]) -> Html:
    match block:
        case Table():
            return table(block.head, block.rows, block.left)
        case ReportImage():
            data = base64.b64encode(images[block.file]).decode()
            return fill('<p><img alt="$alt" src="data:image/png;base64,$data"></p>', alt=block.alt, data=data)
        case Gallery():
            return fill('<div class="photos">\n$all\n</div>', all=joined(map(_figure, block.photos)))
        case tuple():
            items = joined(fill("<li>$text</li>", text=prose(line)) for line in block)
            return fill("<ul>\n$items\n</ul>", items=items)
        case _:
            return fill("<p>$text</p>", text=prose(block))


def _figure(photo: Photo) -> Html:
    jpeg = cv2.imencode(".jpg", photo.image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    pieces = (fill("$text" if k % 2 else "<b>$text</b>", text=text) for k, text in enumerate(photo.caption))
    return fill(
        '<figure><img alt="$id" src="data:image/jpeg;base64,$data"><figcaption>$caption<br>$id</figcaption>'
        "</figure>",
        id=photo.id,
        data=base64.b64encode(jpeg).decode(),
        caption=Html("".join(pieces)),
    )
