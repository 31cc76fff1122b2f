"""A strict check of a resource: what its schema does not know is an error, also deep inside.

Kubernetes' own kinds: the strict JSON Schemas of kubernetes-validate. KEDA's and Prometheus' operator's: the schemas of cloudcoil's models,
which are made from their resource definitions, closed here. Strimzi's KafkaTopic is small: its schema is below."""

import functools
import importlib

import jsonschema
import kubernetes_validate

KUBERNETES = "1.33"
MODELS = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
KAFKA_TOPIC = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "kafka.strimzi.io/v1"},
        "kind": {"const": "KafkaTopic"},
        "metadata": {"type": "object", "required": ["name", "labels"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "topicName": {"type": "string"},
                "partitions": {"type": "integer", "minimum": 1},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 32767},
                "config": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
            },
        },
    },
}


def closed(schema):
    """The schema with every object that names its members closed to others."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object" and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


@functools.lru_cache(maxsize=None)
def model_validator(api_version, kind):
    model = getattr(importlib.import_module(MODELS[api_version]), kind)
    return jsonschema.Draft202012Validator(closed(model.model_json_schema(by_alias=True)))


def check(resource):
    """What is wrong with a resource, or None."""
    api_version, kind = resource["apiVersion"], resource["kind"]
    if (api_version, kind) == ("kafka.strimzi.io/v1", "KafkaTopic"):
        errors = [jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(KAFKA_TOPIC).iter_errors(resource))]
    elif api_version in MODELS:
        errors = [jsonschema.exceptions.best_match(model_validator(api_version, kind).iter_errors(resource))]
    else:
        try:
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)
            return None
        except kubernetes_validate.ValidationError as error:
            errors = [error]
        except kubernetes_validate.SchemaNotFoundError:
            return f"no schema is known for {api_version} {kind}"
    return f"{'/'.join(map(str, errors[0].path))}: {errors[0].message}" if errors[0] else None
