"""What runs inside Redis: each script is one atomic step within one hash slot."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the name under which Redis remembers it."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # Redis names scripts by SHA-1; nothing here relies on its strength.
        object.__setattr__(self, "sha", sha1(self.text.encode(), usedforsecurity=False).hexdigest())


_RUN_ID: Final = "string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')"

# KEYS: run id served under, pause, epoch, then one for each assertion. ARGV: pause in ms, 0 for one that only ANNOUNCE
# ends, then the life of each in ms.
# Returns the epoch and 1 for each first use, or -1 alone when nothing may be spent now; then nothing was.
SPEND: Final = Script(f"""
local run = {_RUN_ID}
if redis.call('GET', KEYS[1]) ~= run then
  redis.call('DEL', KEYS[3])
  redis.call('SET', KEYS[2], '')
  if ARGV[1] ~= '0' then
    redis.call('PEXPIRE', KEYS[2], ARGV[1])
  end
  redis.call('SET', KEYS[1], run)
  return {{-1}}
end
local epoch = tonumber(redis.call('GET', KEYS[3]))
if not epoch or redis.call('EXISTS', KEYS[2]) == 1 then
  return {{-1}}
end
local answer = {{epoch}}
for i = 4, #KEYS do
  answer[i - 2] = redis.call('SET', KEYS[i], '', 'NX', 'PX', ARGV[i - 2]) and 1 or 0
end
return answer
""")

# KEYS: epoch. ARGV: the epoch announced. Keeps the greater one.
PUBLISH: Final = Script("""
local held = tonumber(redis.call('GET', KEYS[1]))
if not held or tonumber(ARGV[1]) > held then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
""")

# Any key of the partition. Returns the run id of the server that holds it.
RUN: Final = Script(f"return {_RUN_ID}")

# KEYS: run id served under, pause, epoch. ARGV: the run id read before the epoch was, and that epoch. Keeps the greater
# epoch, and lets that very run serve from then on. Returns 0 when another run has begun meanwhile.
ANNOUNCE: Final = Script(f"""
if {_RUN_ID} ~= ARGV[1] then
  return 0
end
local held = tonumber(redis.call('GET', KEYS[3]))
if not held or tonumber(ARGV[2]) > held then
  redis.call('SET', KEYS[3], ARGV[2])
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
""")

# KEYS: run id served under, pause, epoch.
LIFT: Final = Script(f"""
redis.call('SET', KEYS[1], {_RUN_ID})
redis.call('DEL', KEYS[2])
return 1
""")
