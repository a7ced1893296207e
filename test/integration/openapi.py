"""docs/openapi.yaml as a judge of responses: what it says is required is
there, nothing else is, and every value has its type. Only what that file uses
of OpenAPI is known here; anything else in it is an error.
"""
import re

import yaml

from sim import ROOT

DOCUMENT = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
KNOWN = {"type", "nullable", "enum", "items", "properties", "required",
         "additionalProperties", "$ref", "allOf", "description", "example",
         "format", "default", "minimum", "maximum", "maxLength"}
TYPES = {"string": str, "integer": int, "number": (int, float),
         "boolean": bool, "object": dict, "array": list}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def find(reference):
    node = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def faults(schema, value, where="response"):
    """Lists what is wrong with a value."""
    assert set(schema) <= KNOWN, (where, set(schema) - KNOWN)
    if "$ref" in schema:
        return faults(find(schema["$ref"]), value, where)
    found = []
    for part in schema.get("allOf", []):
        found += faults(part, value, where)
    if value is None:
        if "type" in schema and not schema.get("nullable"):
            found.append(f"{where} is null")
        return found
    kind = schema.get("type")
    if kind is None:
        return found
    if not isinstance(value, TYPES[kind]) or (
            kind in ("integer", "number") and isinstance(value, bool)):
        return [f"{where}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if schema.get("format") == "date-time" and not TIME.fullmatch(value):
        found.append(f"{where}: {value!r} is no time")
    if kind == "array":
        for index, item in enumerate(value):
            found += faults(schema["items"], item, f"{where}[{index}]")
    if kind == "object" and "properties" in schema:
        assert schema.get("additionalProperties") is False, where
        found += [f"{where}.{name} is missing"
                  for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in schema["properties"]:
                found += faults(schema["properties"][name], item,
                                f"{where}.{name}")
            else:
                found.append(f"{where}.{name} is not described")
    return found


def template_of(path):
    """The path of the file that serves this one, or None."""
    path = path.split("?")[0]
    for template in sorted(DOCUMENT["paths"], key=lambda name: "{" in name):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return template
    return None


def response_of(method, path, status):
    """The description of a response."""
    template = template_of(path)
    assert template is not None, f"{path} is not described"
    operation = DOCUMENT["paths"][template].get(method.lower())
    assert operation is not None, f"{method} {template} is not described"
    responses = operation["responses"]
    response = responses.get(str(status), responses.get("default"))
    assert response is not None, f"{method} {template}: {status}"
    return find(response["$ref"]) if "$ref" in response else response


def check(method, path, status, content_type, document):
    """Fails unless a response in JSON is as described."""
    content = response_of(method, path, status)["content"]
    assert content_type in content, (method, path, content_type)
    found = faults(content[content_type]["schema"], document)
    assert not found, f"{method} {path}: {found[:5]}"
