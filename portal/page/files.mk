# The page, installed as it is.
pagedir = $(datadir)/provctl/page
dist_page_DATA = portal/page/page.html portal/page/page.css portal/page/favicon.svg
dist_page_DATA += portal/page/texts.json portal/page/brand.json
dist_page_DATA += portal/page/page.js portal/page/make.js portal/page/words.js portal/page/api.js portal/page/me.js
dist_page_DATA += portal/page/phones.js portal/page/phone.js portal/page/all.js portal/page/sure.js
dist_page_DATA += portal/page/windows.js portal/page/record.js portal/page/addresses.js
