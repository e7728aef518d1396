"""Weather and time of day: what there is, and how often a street shows it."""

from __future__ import annotations

from typing import Literal, get_args

from cityseg.data.synthetic.camera import stream

Weather = Literal["clear", "fog", "rain"]
WEATHERS: tuple[Weather, ...] = get_args(Weather)
Daytime = Literal["day", "dusk", "night"]
DAYTIMES: tuple[Daytime, ...] = get_args(Daytime)


def draw_weather(seed: int) -> Weather:
    """The weather of this seed: four times in five clear."""
    roll = stream(seed, 3).random()
    return "fog" if roll < 0.08 else "rain" if roll < 0.2 else "clear"


def draw_daytime(seed: int) -> Daytime:
    """The time of day of this seed: four times in five day."""
    roll = stream(seed, 8).random()
    return "night" if roll < 0.1 else "dusk" if roll < 0.2 else "day"


def lamps_are_lit(weather: Weather, daytime: Daytime) -> bool:
    """Whether cars drive with their headlights on and street lamps burn."""
    return weather != "clear" or daytime != "day"
