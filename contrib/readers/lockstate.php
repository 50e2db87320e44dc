<?php
/* Reads provctl's lock-state file (provctl-lockstate(5)) for a config generator in PHP.
 *
 *   http_response_code(lockstate_verdict('/var/lib/provctl/publish/lockstate', $mac, $_SERVER['REMOTE_ADDR'], time()));
 *
 * gives 200 (serve), 403 (refuse) or 503 (no file, or not whole: Retry-After). $mac: 12 lower-case hex digits. */

function lockstate_bits(string $text): string {
	$packed = @inet_pton(preg_replace('/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i', '', $text));
	return $packed === false ? '' : implode('', array_map(fn($byte) => sprintf('%08b', ord($byte)), str_split($packed)));
}

function lockstate_holds(string $prefixes, string $ip): bool {
	$address = lockstate_bits($ip);
	foreach (explode(',', $prefixes) as $prefix) {
		[$base, $length] = explode('/', $prefix) + [1 => '128'];
		$want = lockstate_bits($base);
		if ($want !== '' && strlen($want) === strlen($address) && strncmp($want, $address, (int)$length) === 0) {
			return true;
		}
	}
	return false;
}

function lockstate_verdict(string $path, string $mac, string $ip, int $now): int {
	$lines = @file(is_dir($path) ? $path . '/' . substr($mac, 10) : $path, FILE_IGNORE_NEW_LINES) ?: [];
	$lines = array_map(fn($line) => explode(' ', $line), $lines);
	$head = array_shift($lines) ?? [];
	$end = array_pop($lines);
	$default = array_pop($lines) ?? [''];
	if (array_slice($head, 0, 2) !== ['provctl-lockstate', '1'] || $end !== ['end', (string)count($lines)] || $default[0] !== 'default') {
		return 503;
	}
	[$state, $until, $home, $reason, $account] = [$default[1], '-', '-', '', '*'];
	foreach ($lines as $line) {
		if ($line[0] === 'device' && $line[1] === $mac) {
			[$state, $until, $home, $reason, $account] = array_slice($line, 2);
		}
	}
	if ($state === 'open' && ($until === '-' || $now < (int)$until) || lockstate_holds($home, $ip)) {
		return 200;
	}
	foreach ($lines as $line) {
		if ($line[0] === 'network' && $line[2] === $account && lockstate_holds($line[1], $ip) ||
			$line[0] === 'window' && $now < (int)$line[2] && in_array($line[3], ['*', $account], true) && $reason !== 'held' &&
			lockstate_holds($line[1], $ip)) {
			return 200;
		}
	}
	return 403;
}
