"""The manifests are valid Kubernetes, give each service what it reads, and keep the walls around it up."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import kubernetes_validate
import pytest
import yaml
from pydantic import AliasChoices, SecretStr
from pydantic_settings import BaseSettings

from batch.app import tier_rules
from batch.settings import BatchSettings, MigrateSettings
from chassis.blobs import PART_BYTES
from chassis.pipe import BYTES_AHEAD
from chassis.settings import ENVIRONMENT_PREFIX
from extractor.parse.limits import ParseLimits
from extractor.settings import ExtractorSettings
from gateway.http.routes.health import PATIENCE_SECONDS
from gateway.settings import GatewaySettings

Manifest = dict[str, Any]

REPOSITORY = Path(__file__).parents[2]
BASE = REPOSITORY / "deploy/k8s/base"
OLDEST_KUBERNETES = "1.30"
"""The first this is promised for."""
IMAGE_USER = 10001
MARGIN_SECONDS = 10
"""From the end of the drain time to the end of the process."""
NODES_SECONDS = 5
"""In which the proxies of all nodes hear that a pod ends."""
GATEWAY_BYTES = 128 << 20
"""A gateway that takes no upload."""
WORKER_BYTES = 512 << 20
"""An extractor without its parser children."""
SECRET_VALUE = "s" * 32

SETTINGS: dict[str, type[BaseSettings]] = {
    "batch": BatchSettings,
    "extractor": ExtractorSettings,
    "gateway": GatewaySettings,
    "migrate": MigrateSettings,
}
LISTEN = {
    "batch": ("QUIRE_BATCH_LISTEN",),
    "extractor": ("QUIRE_EXTRACTOR_LISTEN",),
    "gateway": ("QUIRE_GATEWAY_GRPC_LISTEN", "QUIRE_GATEWAY_HTTP_LISTEN"),
}
BYTES = {"Mi": 1 << 20, "Gi": 1 << 30}

each_workload = pytest.mark.parametrize("name", SETTINGS)
each_service = pytest.mark.parametrize("name", LISTEN)


def read(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


KUSTOMIZATION = read(BASE / "kustomization.yaml")[0]
MANIFESTS = [manifest for file in KUSTOMIZATION["resources"] for manifest in read(BASE / file)]


def identity(manifest: Manifest) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


def of_kind(kind: str) -> dict[str, Manifest]:
    return {manifest["metadata"]["name"]: manifest for manifest in MANIFESTS if manifest["kind"] == kind}


WORKLOADS = of_kind("Deployment") | of_kind("Job")
PODS = {identity(manifest) for manifest in WORKLOADS.values()}


def pod(name: str) -> Manifest:
    return WORKLOADS[name]["spec"]["template"]


def container(name: str) -> Manifest:
    (only,) = pod(name)["spec"]["containers"]
    return only


def settings_given(name: str) -> dict[str, str]:
    maps = [source["configMapRef"]["name"] for source in container(name).get("envFrom", [])]
    return {key: value for each in maps for key, value in of_kind("ConfigMap")[each]["data"].items()}


def secrets_given(name: str) -> dict[str, Manifest]:
    return {variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in container(name)["env"]}


def secrets_required(name: str) -> set[str]:
    return {variable for variable, reference in secrets_given(name).items() if not reference.get("optional")}


def variables(settings: type[BaseSettings]) -> dict[str, Any]:
    """Each variable of the environment that these settings read, and the type it is read into."""
    found: dict[str, Any] = {}
    for field, described in settings.model_fields.items():
        alias = described.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [f"{ENVIRONMENT_PREFIX}{field.upper()}"]
        found |= {cast("str", name): described.annotation for name in names}
    return found


def size(quantity: str) -> int:
    return int(quantity[:-2]) * BYTES[quantity[-2:]]


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("manifest", MANIFESTS, ids=identity)
def test_manifest_is_valid_kubernetes(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_kustomization_names_every_file() -> None:
    assert {path.name for path in BASE.iterdir()} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_renders_every_manifest_into_the_namespace() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(BASE)], check=True, capture_output=True, text=True)
    rendered: list[Manifest] = list(yaml.safe_load_all(done.stdout))
    assert {identity(manifest) for manifest in rendered} == {identity(manifest) for manifest in MANIFESTS}
    spaces = {manifest["metadata"].get("namespace") for manifest in rendered if manifest["kind"] != "Namespace"}
    assert spaces == {KUSTOMIZATION["namespace"]} == set(of_kind("Namespace"))
    images = {
        each["spec"]["template"]["spec"]["containers"][0]["image"] for each in rendered if "Deploy" in each["kind"]
    }
    assert all(re.fullmatch(r"quire-\w+:\d+\.\d+\.\d+", image) for image in images)


@each_workload
def test_image_of_a_workload_is_pinned_by_the_kustomization(name: str) -> None:
    tags = {image["name"]: image["newTag"] for image in KUSTOMIZATION["images"]}
    assert re.fullmatch(r"\d+\.\d+\.\d+", tags[container(name)["image"]])


@each_workload
def test_workload_is_given_only_what_its_settings_know(name: str) -> None:
    assert {*settings_given(name), *secrets_given(name)} - set(variables(SETTINGS[name])) == set()


@each_workload
def test_workload_starts_with_what_it_is_given(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [each for each in os.environ if each.startswith(("QUIRE_", "OPENAI_"))]:
        monkeypatch.delenv(variable)
    given = settings_given(name) | dict.fromkeys(secrets_required(name), SECRET_VALUE)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    SETTINGS[name]()


@each_workload
def test_secret_of_a_workload_comes_from_a_secret_and_nothing_else_does(name: str) -> None:
    secret = {variable for variable, kind in variables(SETTINGS[name]).items() if kind in {SecretStr, SecretStr | None}}
    assert set(settings_given(name)) & secret == set()
    assert set(secrets_given(name)) - secret == set()


def test_manifests_hold_no_secret() -> None:
    assert of_kind("Secret") == {}


@each_workload
def test_page_lists_the_secrets_a_workload_refers_to(name: str) -> None:
    page = (REPOSITORY / "docs/kubernetes.md").read_text("utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \|", page, re.MULTILINE)
    referred = {(reference["name"], reference["key"]) for reference in secrets_given(name).values()}
    assert referred - set(listed) == set()
    assert all(reference["key"] == variable for variable, reference in secrets_given(name).items())


def test_namespace_enforces_restricted_pods() -> None:
    (namespace,) = of_kind("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_workload
def test_pod_runs_as_the_user_of_the_image_under_seccomp(name: str) -> None:
    security = pod(name)["spec"]["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"], security["runAsGroup"]) == (True, IMAGE_USER, IMAGE_USER)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


@each_workload
def test_container_has_no_capability_and_cannot_write_its_image(name: str) -> None:
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@each_workload
def test_pod_holds_no_token_of_the_cluster(name: str) -> None:
    account = of_kind("ServiceAccount")[pod(name)["spec"]["serviceAccountName"]]
    assert pod(name)["spec"]["automountServiceAccountToken"] is account["automountServiceAccountToken"] is False


@each_workload
def test_container_asks_for_what_it_needs_and_is_bounded(name: str) -> None:
    resources = container(name)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory", "ephemeral-storage"}
    assert set(resources["limits"]) == {"memory", "ephemeral-storage"}


@each_service
def test_probe_asks_a_port_the_service_listens_on(name: str) -> None:
    listening = {int(settings_given(name)[variable].removeprefix("0.0.0.0:")) for variable in LISTEN[name]}
    named = {port["name"]: port["containerPort"] for port in container(name)["ports"]}
    assert set(named.values()) == listening
    for moment in ("startup", "liveness", "readiness"):
        probe = container(name)[f"{moment}Probe"]
        port = (probe.get("grpc") or probe["httpGet"])["port"]
        assert named.get(port, port) in listening


@each_service
def test_liveness_asks_the_service_alone_and_not_what_it_needs(name: str) -> None:
    assert "grpc" in container(name)["livenessProbe"]


def test_readiness_of_the_gateway_waits_for_its_answer() -> None:
    probe = container("gateway")["readinessProbe"]
    assert probe["httpGet"]["path"] == "/readyz"
    assert probe["timeoutSeconds"] > PATIENCE_SECONDS


@each_service
def test_grace_time_covers_the_drain_and_no_hook_delays_it(name: str) -> None:
    drain = float(settings_given(name)["QUIRE_DRAIN_SECONDS"])
    assert pod(name)["spec"]["terminationGracePeriodSeconds"] >= drain + MARGIN_SECONDS
    assert "lifecycle" not in container(name)


def test_gateway_keeps_its_doors_open_until_every_node_knows() -> None:
    assert float(settings_given("gateway")["QUIRE_NOTICE_SECONDS"]) >= NODES_SECONDS


@each_service
def test_disruption_budget_and_spread_select_the_pods(name: str) -> None:
    labels = {"app.kubernetes.io/name": name}
    assert pod(name)["metadata"]["labels"] == WORKLOADS[name]["spec"]["selector"]["matchLabels"] == labels
    assert of_kind("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"] == labels
    spread = pod(name)["spec"]["topologySpreadConstraints"]
    assert [each["labelSelector"]["matchLabels"] for each in spread] == [labels, labels]


@pytest.mark.parametrize("name", of_kind("Service"))
def test_service_leads_to_the_ports_of_its_pods(name: str) -> None:
    service = of_kind("Service")[name]["spec"]
    assert service["selector"] == pod(name)["metadata"]["labels"]
    named = {port["name"] for port in container(name)["ports"]}
    assert {port["targetPort"] for port in service["ports"]} == named


@pytest.mark.parametrize("caller", ["extractor", "gateway"])
def test_callers_go_round_robin_over_the_pods_of_the_batch_service(caller: str) -> None:
    service = of_kind("Service")["batch"]["spec"]
    assert service["clusterIP"] == "None"
    assert settings_given(caller)["QUIRE_BATCH_ADDRESS"] == f"dns:///batch:{service['ports'][0]['port']}"


def test_memory_of_the_extractor_covers_a_parser_child_at_its_bound_each() -> None:
    children = int(settings_given("extractor")["QUIRE_PARSER_CHILDREN"])
    limit = size(container("extractor")["resources"]["limits"]["memory"])
    assert limit >= WORKER_BYTES + children * ParseLimits().memory_bytes


def test_memory_of_the_gateway_covers_as_many_uploads_of_unknown_length_as_it_takes_at_once() -> None:
    uploads = int(GatewaySettings.model_fields["uploads_at_once"].default)
    limit = size(container("gateway")["resources"]["limits"]["memory"])
    assert limit >= GATEWAY_BYTES + uploads * (PART_BYTES + BYTES_AHEAD)


def test_scratch_of_the_extractor_holds_the_largest_document_in_each_slot() -> None:
    largest = max(rules.bytes_per_document for rules in tier_rules().values())
    slots = int(settings_given("extractor")["QUIRE_EXTRACTOR_SLOTS"])
    (scratch,) = pod("extractor")["spec"]["volumes"]
    assert container("extractor")["volumeMounts"] == [{"name": scratch["name"], "mountPath": "/tmp"}]
    bound = size(scratch["emptyDir"]["sizeLimit"])
    assert slots * largest <= bound <= size(container("extractor")["resources"]["limits"]["ephemeral-storage"])
