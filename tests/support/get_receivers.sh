#!/usr/bin/env bash
# Puts what receives OTLP in tests beside the checkout's other environments: .phoenix and .victoria-metrics.
# Nothing is installed on the machine. Usage: get_receivers.sh UV PYTHON
set -euo pipefail
cd "$(dirname "$0")/../.."
uv=$1 python=$2

if [ ! -x .phoenix/bin/phoenix ]; then
  "$uv" venv -q --python "$python" .phoenix
  "$uv" pip install -q --python .phoenix/bin/python 'arize-phoenix>=15,<21'
fi

# Debian 12's VictoriaMetrics takes no OTLP yet, Debian 13's does. Neither build knows its version.
has_otlp() { "$1" -help 2>&1 | grep -q -- -opentelemetry; }
if ! has_otlp victoria-metrics && ! has_otlp .victoria-metrics/usr/bin/victoria-metrics; then
  if ! command -v apt-get >/dev/null; then
    echo "VictoriaMetrics is not here: install one that takes OTLP to run its tests." >&2
    exit 0
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/lists/partial "$work"/cache/archives/partial
  # The machine's own mirror, and the next release on it.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -m1 '/debian/$')
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keys] $mirror trixie main" >"$work/sources.list"
  apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=-
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=)
  "${apt[@]}" update
  (cd "$work" && "${apt[@]}" download victoria-metrics)
  rm -rf .victoria-metrics
  dpkg-deb -x "$work"/victoria-metrics_*.deb .victoria-metrics
fi
