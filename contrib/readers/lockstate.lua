-- Reads provctl's lock-state file (provctl-lockstate(5)) for a config generator in Lua (5.1 and later, LuaJIT, OpenResty).
--
--   local verdict = require "lockstate"
--   ngx.exit(verdict("/var/lib/provctl/publish/lockstate", mac, ngx.var.remote_addr, ngx.time()))
--
-- gives 200 (serve), 403 (refuse) or 503 (no file, or not whole: Retry-After). mac: 12 lower-case hex digits.

local function bits(text) -- an address as a text of 0 and 1, IPv4-mapped as IPv4
	local groups, width, out = {}, 8, {}
	text = text:lower():gsub("^::ffff:(%d+%.%d+%.%d+%.%d+)$", "%1")
	if text:find(":", 1, true) then
		width = 16
		local left, right = text:match("^(.-)::(.*)$")
		for group in (left or text):gmatch("%x+") do groups[#groups + 1] = tonumber(group, 16) end
		local rest = {}
		for group in (right or ""):gmatch("%x+") do rest[#rest + 1] = tonumber(group, 16) end
		while left and #groups + #rest < 8 do groups[#groups + 1] = 0 end
		for _, group in ipairs(rest) do groups[#groups + 1] = group end
	else
		for group in text:gmatch("%d+") do groups[#groups + 1] = tonumber(group) end
	end
	for _, group in ipairs(groups) do
		for bit = width - 1, 0, -1 do out[#out + 1] = math.floor(group / 2 ^ bit) % 2 end
	end
	return table.concat(out)
end

local function holds(prefixes, ip)
	for prefix in prefixes:gmatch("[^,]+") do
		local base, length = prefix:match("^([^/]+)/?(%d*)$")
		local want = base and base ~= "-" and bits(base) or ""
		length = tonumber(length) or #want
		if want ~= "" and #want == #ip and want:sub(1, length) == ip:sub(1, length) then return true end
	end
	return false
end

return function(path, mac, ip, now)
	-- Whether the path is a folder of shards shows in whether the shard is there.
	local file = io.open(path .. "/" .. mac:sub(11), "r") or io.open(path, "r")
	local lines, device = {}, nil
	if not file then return 503 end
	for line in function() return file:read("*l") end do
		local fields = {}
		for field in line:gmatch("%S+") do fields[#fields + 1] = field end
		lines[#lines + 1] = fields
		if fields[1] == "device" and fields[2] == mac then device = fields end
	end
	file:close()
	local head, default, last = lines[1] or {}, lines[#lines - 1] or {}, lines[#lines] or {}
	if head[1] ~= "provctl-lockstate" or head[2] ~= "1" or default[1] ~= "default" or last[1] ~= "end" or tonumber(last[2]) ~= #lines - 3 then
		return 503
	end
	device = device or { "device", mac, default[2], "-", "-", "", "*" }
	local state, till, home, reason, account = device[3], device[4], device[5], device[6], device[7]
	ip = bits(ip)
	if state == "open" and (till == "-" or now < tonumber(till)) or holds(home, ip) then return 200 end
	for _, line in ipairs(lines) do
		if line[1] == "network" and line[3] == account and holds(line[2], ip) then return 200 end
		if line[1] == "window" and now < tonumber(line[3]) and (line[4] == "*" or line[4] == account) and reason ~= "held" and
			holds(line[2], ip) then
			return 200
		end
	end
	return 403
end
