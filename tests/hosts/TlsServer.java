// SPDX-License-Identifier: MIT
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * Answers over TLS with the line that it was sent, with all keys that a token has, until it is
 * stopped. Arguments: the configuration of SunPKCS11, the PIN, and the place of that provider among
 * the others, from 1 on; 0: the last.
 */
public class TlsServer {
    public static void main(String[] arguments) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
        char[] pin = arguments[1].toCharArray();
        Security.insertProviderAt(provider, Integer.parseInt(arguments[2]));
        KeyStore keys = KeyStore.getInstance("PKCS11", provider);
        keys.load(null, pin);
        KeyManagerFactory managers = KeyManagerFactory.getInstance("SunX509");
        managers.init(keys, pin);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory()
            .createServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
        System.out.println("port " + server.getLocalPort());
        while (true) {
            try (SSLSocket client = (SSLSocket) server.accept()) {
                BufferedReader lines =
                    new BufferedReader(new InputStreamReader(client.getInputStream()));
                client.getOutputStream().write((lines.readLine() + "\n").getBytes());
                client.getOutputStream().flush();
            } catch (Exception failure) {
                failure.printStackTrace(System.out);
            }
        }
    }
}
