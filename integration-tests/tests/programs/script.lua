-- Errors in callbacks, sorting, coroutines, deep recursion, closures as metamethods; `here` is the host's safepoint.
local out = {}
local function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  out[#out + 1] = table.concat(words, " ")
end

-- Errors through many frames of both languages, caught at every level, thrown again.
local function thrower(depth)
  here()
  if depth == 0 then error({ code = 7 }) end
  local ok, err = pcall(thrower, depth - 1)
  here()
  err.code = err.code + 1
  error(err)
end
for round = 1, 20 do
  local ok, err = pcall(thrower, round)
  say("threw", tostring(ok), err.code)
end

-- A comparison that calls the host, and one that fails in the midst of a sort.
local numbers, seed = {}, 12345
for i = 1, 400 do
  seed = (seed * 1103515245 + 12345) % 2147483648
  numbers[i] = seed % 1000
end
local compared = 0
table.sort(numbers, function(a, b)
  compared = compared + 1
  if compared % 8 == 0 then here() end
  return a < b
end)
say("sorted", numbers[1], numbers[200], numbers[400], compared)
for fail_at = 10, 200, 10 do
  local count = 0
  local ok, err = pcall(table.sort, { table.unpack(numbers, 1, 60) }, function(a, b)
    count = count + 1
    here()
    if count == fail_at then error("enough at " .. count) end
    return a > b
  end)
  say(tostring(ok), ok and count or err:gsub("^.-: ", ""))
end

-- Coroutines, each in another's call chain; some end by an error.
local function generator(n)
  return coroutine.wrap(function()
    for i = 1, n do
      here()
      if i == 9 then error("ninth of " .. n) end
      coroutine.yield(i)
    end
    return "end of " .. n
  end)
end
local function chain(depth)
  if depth == 0 then
    here()
    return 0
  end
  local co = coroutine.create(function()
    local below = chain(depth - 1)
    coroutine.yield(below)
    return below + 1
  end)
  local _, first = coroutine.resume(co)
  here()
  local _, second = coroutine.resume(co)
  return first + second
end
say("chain", chain(8))
for n = 5, 12 do
  local next, sum = generator(n), 0
  local ok, err = pcall(function()
    while true do
      local value = next()
      if type(value) == "string" then return end
      sum = sum + value
    end
  end)
  say("generated", n, sum, tostring(ok))
end

-- The C library's pattern matcher calls back for each match; the host's function fails now and then.
local text = string.rep("abc 17 def 4 ", 40)
local replaced = text:gsub("%d+", function(digits)
  here()
  local ok, err = pcall(host_error, digits)
  return ok and digits * 2 or "<" .. digits .. ">"
end)
say(#replaced, replaced:sub(1, 40))

-- Deep recursion of Lua, and of C: pcall is a C function, each level a C frame or three.
local function deep(n)
  if n % 512 == 0 then here() end
  if n == 0 then return 0 end
  return 1 + deep(n - 1)
end
say("deep", deep(15000))
local function deep_in_c(n)
  here()
  if n == 0 then error("bottom") end
  local ok, err = pcall(string.gsub, "x", "x", function() deep_in_c(n - 1) end)
  error(err, 0)
end
local ok, err = pcall(deep_in_c, 40)
say("bottom", tostring(ok), (tostring(err):gsub("^.-: ", "")))
local ok, err = pcall(function() local function f() return 1 + f() end return f() end)
say("overflow", tostring(ok), tostring(err):find("stack overflow") ~= nil)

-- Metamethods and finalizers.
local finalized = 0
do
  local meta = { __index = function(_, k) here() return k .. "!" end, __gc = function() finalized = finalized + 1 end }
  for i = 1, 100 do local _ = setmetatable({}, meta)[i] end
end
collectgarbage()
collectgarbage()
say("finalized", finalized)

return table.concat(out, "\n")
