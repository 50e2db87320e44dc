<?php
/* A config generator as sites have them, with the reader that ships: php -S, behind a web server that tells the client's address in
 * X-Real-IP. The environment says what it needs: READERS, LOCKSTATE, PHONES (MACs, separated by blanks), and NOW, a file that holds the
 * moment to take for the present where it is there. */
require getenv('READERS') . '/lockstate.php';

$now = is_file(getenv('NOW')) ? (int)file_get_contents(getenv('NOW')) : time();
$known = explode(' ', getenv('PHONES'));
$status = 404;
if (preg_match('#^/([0-9a-f]{12})\.cfg$#', $_SERVER['REQUEST_URI'], $found) && in_array($found[1], $known, true)) {
	$status = lockstate_verdict(getenv('LOCKSTATE'), $found[1], $_SERVER['HTTP_X_REAL_IP'], $now);
}
http_response_code($status);
if ($status === 503) {
	header('Retry-After: 60');
}
echo $status === 200 ? "account.1.user_name = $found[1]\naccount.1.password = secret\n" : "$status\n";
