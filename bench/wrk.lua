-- The load script of bench/wrk.ts: sends the request that stands in a file, as it is. Arguments: the file, the first number, the mean pause
-- of a connection in milliseconds. Where the request holds eight @ a number takes their place that never comes twice.
local before, after, number, pause = nil, nil, 0, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  number = tonumber(args[2])
  pause = tonumber(args[3])
  math.randomseed(number + 1)
  local from, to = string.find(text, "@@@@@@@@", 1, true)
  if from == nil then
    before = text
  else
    before = string.sub(text, 1, from - 1)
    after = string.sub(text, to + 1)
  end
  -- Only where it is wanted: wrk sets a timer for every request once there is such a function.
  if pause > 0 then
    function delay()
      return math.floor(math.random() * 2 * pause + math.random())
    end
  end
end

function request()
  if after == nil then return before end
  number = number + 1
  return before .. string.format("%08d", number % 100000000) .. after
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local shares = {}
  for _, share in ipairs({ 50, 75, 90, 99, 99.9 }) do
    shares[#shares + 1] = string.format("%.3f", latency:percentile(share) / 1000)
  end
  io.write(string.format('\nRESULT {"requests":%d,"micros":%d,"bytes":%d,"failed":%d,"latencyMs":[%s]}\n',
    summary.requests, summary.duration, summary.bytes, failed, table.concat(shares, ",")))
end
