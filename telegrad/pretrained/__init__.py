"""Networks that come along, trained: their weights, a card for each, and how one is loaded."""

from telegrad.pretrained.cards import Card, Figure, card, names
from telegrad.pretrained.store import load

__all__ = ["Card", "Figure", "card", "load", "names"]
