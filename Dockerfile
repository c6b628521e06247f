# Python 3.7 and TensorFlow 1.14, pinned and hash-checked. Build, then run with results/ mounted:
#
#   docker build --build-arg COMMIT="$(git describe --always --dirty)" -t biolhess .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/results:/app/results" biolhess quick
FROM python:3.7.17-slim-bookworm

WORKDIR /app
# The packages before the code: a change in the code does not install them again.
COPY requirements.txt run_all.sh ./
RUN ./run_all.sh install-requirements python3.7
COPY models models
COPY rules rules
COPY tasks tasks
COPY hessian hessian
COPY experiments experiments
COPY figures figures
COPY bench bench
COPY test test
COPY evidence evidence

# Any uid may run it, without an entry in /etc/passwd: only /tmp and the mounted results/ are written. evidence/ is read.
RUN useradd --create-home --uid 1000 researcher && mkdir -p results && chmod 1777 results && chmod -R a+rX /app
ARG COMMIT=unknown
ENV BIOLHESS_PYTHON=python3.7 \
    BIOLHESS_COMMIT=$COMMIT \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    XDG_CACHE_HOME=/tmp/cache \
    PYTHONDONTWRITEBYTECODE=1
USER researcher
ENTRYPOINT ["/app/run_all.sh"]
CMD ["quick"]
