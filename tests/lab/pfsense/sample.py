"""A long config.xml byte for byte as a release writes it: entities, CDATA, base64, lists and empty elements."""

from __future__ import annotations

from ..topology import PFSENSE

RAW_SINCE = "2.9.0"
ENTITIES = ("B&uuml;ro &amp; &lt;Lager&gt;", "a&lt;b&amp;c")  # text in CDATA and outside, up to 2.8
RAW = ("Büro &amp; &lt;Lager&gt; &quot;&apos;", "a&lt;b&amp;c&apos;d")  # and from 2.9
SECTIONS = 40


def sample(version: str) -> str:
    """The file of a release."""
    hint = "in the cellar" if version == "2.6.0" else "<![CDATA[in the cellar]]>"
    cdata, text = RAW if version == RAW_SINCE else ENTITIES
    filler = "".join(
        f"\t<section{number}>\n\t\t<descr><![CDATA[{cdata} {number}]]></descr>\n\t\t<value>{text}</value>\n"
        f"\t\t<enable></enable>\n\t\t<crt>TFMwdExTMUNSVWRKVGlCRFJWSlVTVVpKUTBGVVJTMHRMUzB0Q2c9PQ{number}==</crt>\n"
        f"\t\t<item>\n\t\t\t<name>{number}</name>\n\t\t</item>\n\t\t<item>\n\t\t\t<name>b</name>\n\t\t</item>\n"
        f"\t</section{number}>\n"
        for number in range(SECTIONS)
    )
    return f"""<?xml version="1.0"?>
<pfsense>
	<version>{PFSENSE[version][1]}</version>
	<system>
		<hostname>fw</hostname>
		<statetype><![CDATA[keep state]]></statetype>
		<hint>{hint}</hint>
	</system>
{filler}	<interfaces>
		<wan>
			<enable></enable>
			<if>em0</if>
			<ipaddr>192.0.2.10</ipaddr>
			<subnet>24</subnet>
		</wan>
	</interfaces>
	<ipsec>
		<phase1>
			<ikeid>1</ikeid>
			<iketype>auto</iketype>
			<interface>wan</interface>
			<remote-gateway>peer.example.net</remote-gateway>
			<myid_type>myaddress</myid_type>
			<peerid_type>any</peerid_type>
			<encryption>
				<item>
					<encryption-algorithm>
						<name>aes</name>
						<keylen>256</keylen>
					</encryption-algorithm>
					<hash-algorithm>sha256</hash-algorithm>
					<dhgroup>14</dhgroup>
				</item>
			</encryption>
			<pre-shared-key>key</pre-shared-key>
			<authentication_method>pre_shared_key</authentication_method>
			<descr><![CDATA[{cdata}]]></descr>
			<closeaction></closeaction>
		</phase1>
		<phase2>
			<ikeid>1</ikeid>
			<mode>tunnel</mode>
			<reqid>7</reqid>
			<localid>
				<type>wan</type>
			</localid>
			<remoteid>
				<type>address</type>
				<address>10.9.9.9</address>
			</remoteid>
			<protocol>esp</protocol>
			<encryption-algorithm-option>
				<name>aes</name>
				<keylen>256</keylen>
			</encryption-algorithm-option>
			<hash-algorithm-option>hmac_sha256</hash-algorithm-option>
			<hash-algorithm-option>hmac_sha1</hash-algorithm-option>
		</phase2>
	</ipsec>
	<revision>
		<time>1700000000</time>
		<description><![CDATA[admin@192.0.2.9 (Local Database): first]]></description>
		<username><![CDATA[admin@192.0.2.9 (Local Database)]]></username>
	</revision>
</pfsense>
"""
