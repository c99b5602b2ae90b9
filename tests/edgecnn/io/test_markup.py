from edgecnn.io.markup import Html, fill, joined, prose, table

HOSTILE = "<script>'\"&$y</script>"


def test_what_was_not_made_here_is_escaped():
    inner = fill("<b>$x</b>", x=HOSTILE)
    assert inner == "<b>&lt;script&gt;&#x27;&quot;&amp;$y&lt;/script&gt;</b>"
    assert fill("<p>$x</p>", x=inner) == f"<p>{inner}</p>"
    assert joined([Html("<b>"), inner]) == f"<b>\n{inner}"


def test_prose_has_code_and_bold_only():
    assert prose("`<a>` and **<b>**") == "<code>&lt;a&gt;</code> and <b>&lt;b&gt;</b>"


def test_a_table_has_words_to_the_left():
    made = table(("name", "ms"), [(HOSTILE, "1.5")])
    assert '<tr><th class="left">name</th><th>ms</th></tr>' in made
    assert '<td class="left">&lt;script&gt;' in made
    assert "<td>1.5</td>" in made
