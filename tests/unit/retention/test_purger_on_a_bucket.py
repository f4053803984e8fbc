"""The purger's own tests once more, with every recording in a bucket that keeps versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from retention_samples import Place
from s3_server import S3Server
from test_purger import (
    test_a_case_opened_after_the_plan_was_made_spares_it,
    test_a_dry_run_changes_nothing_but_tells_all,
    test_a_file_that_survives_its_shredding_keeps_the_row_open,
    test_a_lost_file_does_not_keep_its_row_for_ever,
    test_a_second_run_finds_nothing_to_do,
    test_files_and_rows_are_compared_both_ways,
    test_overdue_means_more_than_a_day,
    test_the_brake_deletes_nothing_and_says_how_to_go_on,
    test_what_forbids_it_after_it_was_judged_again_spares_it_and_is_no_failure,
    test_what_is_due_goes_with_evidence_and_the_rest_stays,
    test_what_was_made_between_two_looks_is_no_finding,
)

from asterisk_privacy.store.objects import Objects
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

__all__ = [
    "test_a_case_opened_after_the_plan_was_made_spares_it",
    "test_a_dry_run_changes_nothing_but_tells_all",
    "test_a_file_that_survives_its_shredding_keeps_the_row_open",
    "test_a_lost_file_does_not_keep_its_row_for_ever",
    "test_a_second_run_finds_nothing_to_do",
    "test_files_and_rows_are_compared_both_ways",
    "test_overdue_means_more_than_a_day",
    "test_the_brake_deletes_nothing_and_says_how_to_go_on",
    "test_what_forbids_it_after_it_was_judged_again_spares_it_and_is_no_failure",
    "test_what_is_due_goes_with_evidence_and_the_rest_stays",
    "test_what_was_made_between_two_looks_is_no_finding",
]


class PlaceInBucket(Place):
    def __init__(self, folder: Path, s3: S3Server) -> None:
        super().__init__(folder)
        self._s3 = s3
        self._bucket = s3.bucket("versioned")
        self.vault = Vault(folder / "recordings", Recipients.load(folder / "recipients.txt"), Objects(self._bucket))

    def put(self, recording_id: str) -> None:
        super().put(recording_id)
        assert self.vault.hand_over(recording_id, lambda _: True)

    def traces(self, recording_id: str) -> list[str]:
        there = [key for key, _ in self._s3.all_versions(self._bucket.place.bucket) if recording_id in key]
        return [*super().traces(recording_id), *there]


@pytest.fixture
def place(tmp_path: Path, s3: S3Server) -> Iterator[Place]:
    made = PlaceInBucket(tmp_path, s3)
    yield made
    made.registry.close()
