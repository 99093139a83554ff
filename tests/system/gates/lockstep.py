"""The same history in several daemons at once."""
from datetime import datetime, timedelta

from town import LONDON


class Worlds:
    """places: what has a .town."""

    def __init__(self, places):
        self.places = places

    def tell(self, *arguments, **options):
        for place in self.places:
            place.town.tell(*arguments, **options)

    def go(self, local):
        for place in self.places:
            place.town.send_clock(local)
        for place in self.places:
            place.town.wait_clock(local)

    def go_after(self, **span):
        self.go((self.places[0].town.local() + timedelta(**span)).strftime("%Y-%m-%d %H:%M"))

    def session(self, ref, number):
        return self.places[0].town.session(ref, number)

    def end_of(self, ref, number, code=None):
        s = self.session(ref, number)
        at = datetime.fromisoformat(s["local"]) + timedelta(minutes=s["minutes"] + 2)
        if self.places[0].town.local() < at.replace(tzinfo=LONDON):
            self.go(at.strftime("%Y-%m-%d %H:%M"))
        if code:
            self.tell("session", "outcome", s["id"], code, as_=s["practitioner"])
        return s["id"]
