"""What is deployed fits together: files, names, ports, probes and limits on who can reach them."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml
from tests.dashboards.boards import GRAFANA, NAMES

_COMPOSE: Final = yaml.safe_load((GRAFANA / "compose.yaml").read_text(encoding="utf-8"))
_SERVICES: Final[dict[str, dict[str, Any]]] = _COMPOSE["services"]


def _kubernetes(name: str) -> Any:
    return yaml.safe_load((GRAFANA / "kubernetes" / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", _SERVICES)
def test_a_service_is_on_loopback_and_of_an_exact_version(name: str) -> None:
    service = _SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])


@pytest.mark.parametrize("name", _SERVICES)
def test_what_a_service_mounts_is_there(name: str) -> None:
    for volume in _SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        assert (GRAFANA / source).exists() if source.startswith(".") else source in _COMPOSE["volumes"]


def test_the_proxy_is_built_from_this_dockerfile_and_cannot_write_its_own_files() -> None:
    proxy = _SERVICES["tokentape"]
    assert (GRAFANA / proxy["build"]["context"] / proxy["build"]["dockerfile"]).samefile(
        GRAFANA / "Dockerfile"
    )
    assert (proxy["read_only"], proxy["cap_drop"]) == (True, ["ALL"])


def test_the_image_runs_without_root_and_asks_a_worker_for_its_health() -> None:
    text = (GRAFANA / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]
    assert "http://127.0.0.1:8585/.tokentape/healthz" in text.partition("HEALTHCHECK")[2]


def test_prometheus_scrapes_and_tells_what_compose_starts() -> None:
    config = yaml.safe_load((GRAFANA / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    (manager,) = config["alerting"]["alertmanagers"]
    targets = job["static_configs"][0]["targets"] + manager["static_configs"][0]["targets"]
    assert (job["job_name"], targets) == ("tokentape", ["tokentape:9464", "alertmanager:9093"])
    assert {target.split(":")[0] for target in targets} <= _SERVICES.keys()


def test_exemplars_lead_to_a_datasource_that_is_there() -> None:
    page = GRAFANA / "provisioning" / "datasources" / "prometheus.yaml"
    sources = {each["uid"]: each for each in yaml.safe_load(page.read_text(encoding="utf-8"))["datasources"]}
    (link,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert (link["name"], sources[link["datasourceUid"]]["type"]) == ("trace_id", "tempo")


def test_the_boards_are_mounted_where_grafana_looks_for_them() -> None:
    page = GRAFANA / "provisioning" / "dashboards" / "tokentape.yaml"
    (provider,) = yaml.safe_load(page.read_text(encoding="utf-8"))["providers"]
    assert f"./dashboards:{provider['options']['path']}:ro" in _SERVICES["grafana"]["volumes"]
    assert provider["folder"] == "Tokentape"


def test_kustomize_takes_every_resource_and_every_board() -> None:
    kustomization = _kubernetes("kustomization")
    files = {path for each in kustomization["configMapGenerator"] for path in each["files"]}
    assert files == {f"../dashboards/{name}.json" for name in NAMES}
    folder = GRAFANA / "kubernetes"
    assert all((folder / path).is_file() for path in (*files, *kustomization["resources"]))


def test_two_replicas_share_a_ledger_and_are_probed_at_a_worker() -> None:
    deployment = _kubernetes("deployment")["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    (ledger,) = (each for each in container["env"] if each["name"] == "TOKENTAPE_LEDGER")
    secret = _kubernetes("secret.example")
    assert deployment["replicas"] == 2
    assert ledger["valueFrom"]["secretKeyRef"]["name"] == secret["metadata"]["name"]
    assert ledger["valueFrom"]["secretKeyRef"]["key"] in secret["stringData"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/.tokentape/healthz", "port": "proxy"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_each_replica_is_scraped_by_itself_as_the_job_that_boards_look_for() -> None:
    monitor = _kubernetes("podmonitor")["spec"]
    deployment = _kubernetes("deployment")["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    (container,) = deployment["template"]["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "tokentape"}]
    assert monitor["selector"] == deployment["selector"]


def test_the_operator_gets_the_same_rules() -> None:
    groups = [
        group
        for name in ("recording-rules", "alert-rules")
        for group in yaml.safe_load((GRAFANA / "prometheus" / f"{name}.yaml").read_text("utf-8"))["groups"]
    ]
    assert _kubernetes("prometheusrule")["spec"]["groups"] == groups


def test_every_picture_of_the_readme_is_there_and_small() -> None:
    text = (GRAFANA / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((pictures/[^)]+)\)", text))
    there = {f"pictures/{path.name}" for path in (GRAFANA / "pictures").iterdir()}
    assert named <= there
    assert there == {f"pictures/{name}-{shade}.png" for name in NAMES for shade in ("dark", "light")}
    assert all((GRAFANA / path).stat().st_size < 300_000 for path in there)
