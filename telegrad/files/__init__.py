"""Files that may be a stranger's, read within bounds of time and memory; and paths."""

from telegrad.files.digest import sha256_of
from telegrad.files.paths import expanded
from telegrad.files.plain import as_yaml, read_json, read_yaml
from telegrad.files.tensors import read_tensors

__all__ = ["as_yaml", "expanded", "read_json", "read_tensors", "read_yaml", "sha256_of"]
