from .errors import FallbackWarning, LatheError
