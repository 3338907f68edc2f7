import hashlib

from telegrad.files import sha256_of


def test_it_is_that_of_the_whole_file_however_large(tmp_path):
    for size in (0, 5, 2**20, 2**20 + 1):
        content = bytes(size)
        (tmp_path / "file").write_bytes(content)
        assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
