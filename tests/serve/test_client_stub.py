"""What editors and type checkers know of the client."""

from pixwise.serve.client_stub import STUB, stub


def test_the_stub_is_as_the_tasks_are_now():
    assert STUB.read_text("utf-8") == stub(), "run: python -m pixwise.serve.client_stub"


def test_options_have_their_types_and_answers_too():
    assert "        labels: Sequence[str] | str = (),\n" in stub()
    assert "    def codes(\n" in stub() or "    def codes(self, source: Any" in stub()
    assert stub().count(") -> list[Detections]: ...") == 4
