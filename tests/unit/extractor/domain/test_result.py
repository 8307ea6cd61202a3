import json

from extractor.domain.extraction import Usage
from extractor.domain.grounding import GroundedField
from extractor.domain.result import EngineIdentity, Source, build_result

SOURCE = Source("t", "b", "d", 1, "a.pdf", "application/pdf", "0" * 64, 2)


def test_a_result_holds_all_its_parts_and_warns_of_ungrounded_values() -> None:
    field = GroundedField("/total", 5.0, "5.00", 1, grounded=False, confidence=0.0)
    result = build_result(SOURCE, {"total": 5.0}, [field], ["TEXT_REPLACED"], EngineIdentity("builtin", "1"), Usage())
    assert json.loads(json.dumps(result)) == result
    assert result["fields"][0]["path"] == "/total"
    assert result["warnings"] == ["TEXT_REPLACED", "UNGROUNDED_VALUES"]
    assert list(result) == ["schema_version", "document", "values", "fields", "warnings", "engine", "usage"]
