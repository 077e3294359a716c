# The box that BigCodeBench's programs and tests run in, on what packages.Dockerfile holds. Nothing is fetched here.
ARG BASE
FROM ${BASE}
COPY nltk_data /box/nltk_data
COPY box /box
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/box/site-packages LANG=C.UTF-8 HOME=/tmp NLTK_DATA=/box/nltk_data \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMEXPR_NUM_THREADS=1 MPLBACKEND=Agg TF_CPP_MIN_LOG_LEVEL=3 \
    WARM="numpy pandas scipy.stats scipy.optimize scipy.signal scipy.spatial matplotlib.pyplot seaborn sklearn sklearn.linear_model \
sklearn.cluster sklearn.decomposition sklearn.preprocessing sklearn.model_selection sklearn.metrics sklearn.ensemble \
sklearn.feature_extraction.text unittest unittest.mock unittest.case requests bs4 csv sqlite3 subprocess shutil tempfile glob \
pathlib zipfile tarfile xml.etree.ElementTree urllib.request http.client logging email.mime.text pytz pickle pickletools"
RUN ln -sf python3 /usr/bin/python && MPLCONFIGDIR=/box/fonts python3 -c "import matplotlib.font_manager" && python3 -m compileall -q /box/images /box/sandbox && chmod -R a+rX /box/images /box/sandbox /box/fonts /box/recipe
ENTRYPOINT ["python3", "-s", "/box/images/box/supervisor.py"]
