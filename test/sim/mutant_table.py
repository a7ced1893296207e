"""Faults to plant, one at a time: name, what goes wrong, file, the exact text
that is there once, and the text that takes its place."""
from mutants_fleet import MUTANTS as FLEET
from mutants_inbox import MUTANTS as INBOX
from mutants_outlets import MUTANTS as OUTLETS
from mutants_positions import MUTANTS as POSITIONS
from mutants_queues import MUTANTS as QUEUES
from mutants_reload import MUTANTS as RELOAD

MUTANTS = QUEUES + INBOX + OUTLETS + POSITIONS + RELOAD + FLEET
