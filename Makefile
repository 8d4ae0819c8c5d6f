# Each target makes .venv and installs its lock when it must; nothing is written elsewhere.
# For GNU make 3.81 (macOS) and newer, and any POSIX shell.

# The system's own where it will do, as in production (docs/operations.md): one that pyenv compiles
# with its defaults, without optimizations, takes a fifth longer for a request.
SYSTEM_PYTHON := /usr/bin/python3
PYTHON ?= $(shell $(call is_new,$(SYSTEM_PYTHON)) && $(call makes_venvs,$(SYSTEM_PYTHON)) && \
	echo '$(SYSTEM_PYTHON)' || echo python3)
is_new = '$(1)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
makes_venvs = '$(1)' -c 'import ensurepip, venv' 2> /dev/null
VENV := .venv
BIN := $(VENV)/bin

# A stamp says which lock is installed, by a checksum in its name: a checkout changes the file's
# time, but asks for no new install. The folder counts too, for programs in .venv name it.
checksum = $(shell { pwd -P; cat $(1); } | cksum | tr -s ' \t' '--')
RUN_STAMP := $(VENV)/locked-run-$(call checksum,requirements.txt)
DEV_STAMP := $(VENV)/locked-dev-$(call checksum,requirements-dev.txt)

# Temporary files stay here too. The browser makes a socket among the tests', whose path may have
# 107 bytes, 45 of them its own: in a folder too deep for that they go where they usually do.
TEMPORARY := $(CURDIR)/$(VENV)/tmp
HERE := TMPDIR='$(TEMPORARY)'
# Compiled modules are kept, whatever the caller's environment says: the tests start the app often.
TESTS_HERE := $(shell [ `printf %s '$(TEMPORARY)' | wc -c` -gt 60 ] || echo "$(HERE)") \
	PYTHONDONTWRITEBYTECODE= XDG_CACHE_HOME='$(CURDIR)/$(VENV)/cache' XDG_CONFIG_HOME='$(CURDIR)/$(VENV)/config'

.PHONY: help run demo test lint bench
.DEFAULT_GOAL := help
.NOTPARALLEL:

help:
	@echo 'make run    start the app and the sandbox: http://127.0.0.1:8000 (PORT=9000 make run)'
	@echo 'make demo   the same, with a month of a small shop’s life in it at the first start'
	@echo 'make test   run the tests (make test ARGS="-k consent" runs some, ARGS="-m long" the long ones)'
	@echo 'make lint   check format, style, types, and who may import whom'
	@echo 'make bench  what the hot paths cost, and webhooks a second (make bench ARGS="--rounds 5")'
	@echo
	@echo 'Each makes $(VENV) first. With another interpreter: make PYTHON=python3.12 run'

run: $(RUN_STAMP)
	@exec env $(HERE) $(BIN)/python -m smsapp.launcher

demo: $(RUN_STAMP)
	@exec env $(HERE) $(BIN)/python -m smsapp.launcher demo

test: $(DEV_STAMP)
	@$(TESTS_HERE) $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(DEV_STAMP)
	@$(TESTS_HERE) $(BIN)/python -m benchmarks.hot_paths $(ARGS)
	@$(TESTS_HERE) $(BIN)/python -m benchmarks.webhooks $(ARGS)

# A new install makes every older stamp untrue. requirements-dev.txt holds all that
# requirements.txt does, so its install answers for both.
$(RUN_STAMP):
	@$(make_venv)
	@rm -f $(VENV)/locked-*
	@$(call install,requirements.txt,touch $@)

$(DEV_STAMP):
	@$(make_venv)
	@rm -f $(VENV)/locked-*
	@$(call install,requirements-dev.txt,touch $@ $(RUN_STAMP))

# Made anew where its programs name another folder (a moved checkout) or it cannot do the job.
define make_venv
stop() { echo "$$1" >&2; exit 1; }; \
command -v '$(PYTHON)' > /dev/null || \
	stop 'smsapp needs Python 3.11 or newer, and there is no $(PYTHON) here. Name one: make PYTHON=python3.12 run'; \
$(call is_new,$(PYTHON)) || \
	stop "smsapp needs Python 3.11 or newer, and $(PYTHON) is `'$(PYTHON)' --version 2>&1`. Name another: make PYTHON=python3.12 run"; \
$(call makes_venvs,$(PYTHON)) || \
	stop '$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv'; \
if ! head -n 2 $(BIN)/pip 2> /dev/null | grep -qF '$(CURDIR)/$(BIN)/' || \
	! $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then \
	echo 'Making $(VENV)'; \
	rm -rf $(VENV); \
	'$(PYTHON)' -m venv $(VENV) || { rm -rf $(VENV); stop '$(VENV) could not be made'; }; \
fi; \
mkdir -p '$(TEMPORARY)'
endef

# As pip and what is under it say that nobody answers.
NO_NETWORK := NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|Max retries exceeded

# $(1): the lock. $(2): what to do once it is installed, and only then.
define install
echo 'Installing $(1); this takes a minute, and only when it has changed'; \
log=$(VENV)/install.log; total=`grep -c '^[a-z]' $(1)`; n=0; \
{ $(HERE) PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --require-hashes -r $(1) --no-input \
	--no-cache-dir --disable-pip-version-check --progress-bar off 2>&1 && $(2); } | \
tee $$log | while read -r word rest; do \
	case $$word in \
		Collecting|Processing|Requirement|Ignoring) n=$$((n + 1)); line="  $$n of $$total";; \
		Installing) line='  unpacking   ';; \
		*) continue;; \
	esac; \
	[ ! -t 1 ] || printf '\r%s' "$$line"; \
done; \
[ ! -t 1 ] || printf '\r               \r'; \
[ -f $@ ] || { if grep -qE '$(NO_NETWORK)' $$log; then \
	echo 'The packages are on pypi.org, which cannot be reached from here. Check the network, or name' \
		'a proxy (HTTPS_PROXY=…) or a mirror (PIP_INDEX_URL=…), and do the same again.' >&2; \
	else tail -n 20 $$log >&2; fi; \
	echo 'The packages could not be installed; what pip said is in '$$log >&2; exit 1; }
endef
