"""Hundreds of small image files, sound and damaged: restored with all they carry, or refused."""

from odd_images import restored_all


def test_every_odd_image_is_restored_with_all_it_carries_or_refused_by_name(tmp_path):
    table, faults = restored_all(tmp_path, number=300, seed=0)
    assert not faults, "\n".join(faults)
    assert sum(row["files"] for row in table.values()) == 300
    assert len(table) > 40
